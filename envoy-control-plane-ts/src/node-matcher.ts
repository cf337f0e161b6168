import type { JsonObject } from '@bufbuild/protobuf';
import { RE2JS, RE2JSException } from 're2js';
import { InvalidRequest } from './errors.js';
import type { Node } from './gen/envoy/config/core/v3/base_pb.js';
import type { NodeMatcher } from './gen/envoy/type/matcher/v3/node_pb.js';
import type { DoubleMatcher } from './gen/envoy/type/matcher/v3/number_pb.js';
import type { StringMatcher } from './gen/envoy/type/matcher/v3/string_pb.js';
import type { StructMatcher } from './gen/envoy/type/matcher/v3/struct_pb.js';
import type { ValueMatcher } from './gen/envoy/type/matcher/v3/value_pb.js';

type Json = JsonObject[string];
type Test<Value> = (value: Value) => boolean;

/** Matchers of values may nest; more than this is nobody's wish. */
const depthMax = 16;

/**
 * Which nodes a client of CSDS asks for: "The match follows OR semantics"; within one matcher the id
 * and every metadata matcher must hold. No matcher means every node.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
 * @throws InvalidRequest for an expression that RE2 cannot read and for kinds that are not there
 */
export function nodeTest(matchers: readonly NodeMatcher[]): Test<Pick<Node, 'id' | 'metadata'>> {
  const tests = matchers.map((matcher) => {
    const id = matcher.nodeId && stringTest(matcher.nodeId);
    const metadata = matcher.nodeMetadatas.map(structTest);
    return (node: Pick<Node, 'id' | 'metadata'>) =>
      (id === undefined || id(node.id)) && metadata.every((test) => test(node.metadata));
  });
  return (node) => tests.length === 0 || tests.some((test) => test(node));
}

function stringTest({ matchPattern, ignoreCase }: StringMatcher): Test<string> {
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text);
  switch (matchPattern.case) {
    case 'exact': {
      const wanted = fold(matchPattern.value);
      return (text) => fold(text) === wanted;
    }
    case 'prefix': {
      const wanted = fold(matchPattern.value);
      return (text) => fold(text).startsWith(wanted);
    }
    case 'suffix': {
      const wanted = fold(matchPattern.value);
      return (text) => fold(text).endsWith(wanted);
    }
    case 'contains': {
      const wanted = fold(matchPattern.value);
      return (text) => fold(text).includes(wanted);
    }
    // "The ignore_case … has no effect for the safe_regex match."
    case 'safeRegex':
      return regexTest(matchPattern.value.regex);
    default:
      throw new InvalidRequest(`a string cannot be matched by ${matchPattern.case ?? 'nothing'}`);
  }
}

/** RE2, as Envoy does: the whole text must match, in time linear in it. */
function regexTest(regex: string): Test<string> {
  try {
    const compiled = RE2JS.compile(regex);
    return (text) => compiled.matches(text);
  } catch (error) {
    if (error instanceof RE2JSException) {
      throw new InvalidRequest(`${JSON.stringify(regex)}: ${error.message}`);
    }
    throw error;
  }
}

function structTest({ path, value }: StructMatcher): Test<JsonObject | undefined> {
  const keys = path.map(({ segment }) => segment.value ?? '');
  if (keys.length === 0 || value === undefined) {
    throw new InvalidRequest('a metadata matcher needs a path and a value');
  }
  const test = valueTest(value);
  return (metadata) => {
    let found: Json | undefined = metadata;
    for (const key of keys) {
      found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
    }
    return test(found);
  };
}

function valueTest({ matchPattern }: ValueMatcher, depth = 0): Test<Json | undefined> {
  if (depth > depthMax) {
    throw new InvalidRequest(`matchers nest deeper than ${depthMax}`);
  }
  switch (matchPattern.case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'boolMatch':
      return (value) => value === matchPattern.value;
    // Envoy: "If specified, value match will be performed based on whether the path is referring to
    // a valid primitive value in the metadata."
    case 'presentMatch':
      return (value) => (value !== undefined && !isObject(value)) === matchPattern.value;
    case 'doubleMatch':
      return numberTest(matchPattern.value);
    case 'stringMatch': {
      const test = stringTest(matchPattern.value);
      return (value) => typeof value === 'string' && test(value);
    }
    case 'listMatch': {
      const { value: one } = matchPattern.value.matchPattern;
      if (one === undefined) {
        throw new InvalidRequest('a list matcher needs one_of');
      }
      const test = valueTest(one, depth + 1);
      return (value) => Array.isArray(value) && value.some(test);
    }
    case 'orMatch': {
      const tests = matchPattern.value.valueMatchers.map((each) => valueTest(each, depth + 1));
      return (value) => tests.some((test) => test(value));
    }
    default:
      throw new InvalidRequest('a value matcher must say how to match');
  }
}

function numberTest({ matchPattern }: DoubleMatcher): Test<Json | undefined> {
  if (matchPattern.case === undefined) {
    throw new InvalidRequest('a number matcher must say how to match');
  }
  const { case: kind, value: wanted } = matchPattern;
  return (value) =>
    typeof value === 'number' &&
    // "The range … is half-open [start, end)".
    (kind === 'exact' ? value === wanted : value >= wanted.start && value < wanted.end);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
