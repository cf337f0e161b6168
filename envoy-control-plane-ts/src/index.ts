export { anyOf, resource, type TypedResource, UnknownResourceTypeError } from './resource.js';
export { TypeUrl } from './type-url.js';
