/** Peers let streams in without limit: so does ours here. */
export const unhurried = {
  streamsPerSecond: 1_000_000,
  streamBurst: 1_000_000,
  connectionsMax: 100_000,
};
