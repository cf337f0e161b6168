/** The OPA to use: on PATH, in `OPA_PATH`, or installed. Loaded when it is needed, as few commands do. @throws PartError */
export async function opaBinary(): Promise<{ readonly path: string }> {
  const [{ ensureBinary }, { opaSource }] = await Promise.all([
    import('@dotline/local-parts/binary'),
    import('@dotline/local-parts/opa'),
  ]);
  return ensureBinary(opaSource);
}
