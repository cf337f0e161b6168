/**
 * Builtins that a policy may call: those that OPA 1.22 compiles into the WebAssembly itself, and those
 * that the opa-wasm SDK 1.10 provides; all of them answer the same for the same arguments.
 * Not here: deprecated ones, `rego.metadata.*` (the compiler copies rules) and everything that reads a
 * clock, the network, randomness or the environment. The test beside this file derives the list from
 * `opa capabilities`, a real build and the SDK's own table, and fails when it is not this one.
 */
export const ALLOWED_BUILTINS: ReadonlySet<string> = new Set(
  `abs and array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode
  base64.is_valid base64url.decode base64url.encode bits.and bits.lsh bits.negate bits.or bits.rsh
  bits.xor ceil concat contains count div endswith eq equal floor format_int glob.match
  graph.reachable gt gte indexof internal.member_2 internal.member_3 internal.print
  internal.template_string intersection is_array is_boolean is_null is_number is_object is_set
  is_string json.filter json.is_valid json.marshal json.remove json.unmarshal lower lt lte max min
  minus mul neq net.cidr_contains net.cidr_intersects numbers.range object.filter object.get
  object.keys object.remove object.union object.union_n or plus print product
  regex.find_all_string_submatch_n regex.is_valid regex.match regex.split rem replace round sort
  split sprintf startswith strings.replace_n strings.reverse substring sum to_number trim trim_left
  trim_prefix trim_right trim_space trim_suffix type_name union upper walk yaml.is_valid
  yaml.marshal yaml.unmarshal`.split(/\s+/),
);
