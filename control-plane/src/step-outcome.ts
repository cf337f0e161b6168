/** What came of a step: `rejected` when a sidecar refused a resource that the step gave it. */
export type StepOutcome = 'held' | 'late' | 'rejected';
