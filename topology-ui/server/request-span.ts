import { tracer } from '@dotline/platform-process/span';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { RequestHandler } from 'express';
import { routePattern } from './route-pattern.js';

/**
 * A server's span for each request, a child of the caller's when it names one (`traceparent`).
 * Names as in https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
export const traced: RequestHandler = (request, response, next) => {
  const parent = propagation.extract(context.active(), request.headers);
  const span = tracer.startSpan(
    request.method,
    {
      kind: SpanKind.SERVER,
      attributes: { 'http.request.method': request.method, 'url.path': request.path },
    },
    parent,
  );
  // Streams of events never finish, they are closed.
  response.once('close', () => {
    const { statusCode } = response;
    const route = routePattern(request, response);
    if (route !== undefined)
      span.updateName(`${request.method} ${route}`).setAttribute('http.route', route);
    span.setAttribute('http.response.status_code', statusCode);
    if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  context.with(trace.setSpan(parent, span), next);
};
