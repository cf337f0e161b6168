/** Takes nothing (google.protobuf.Empty), answers a google.protobuf.StringValue. */
export const backendMethod = '/test.Backend/Name';
