import type {
  ApiProblem,
  EdgeDetail,
  GraphView,
  ObjectiveView,
  RevisionsView,
  ServiceDetail,
  StatusView,
  TraceView,
} from '@dotline/topology-ui/api';
import type { DecisionCountsView, RequestDecisionsView } from '@dotline/topology-ui/decision-view';
import type { PreviewView } from '@dotline/topology-ui/policy-view';
import type { ShadowView } from '@dotline/topology-ui/shadow-view';

/** The page server answered with a problem, or did not answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** The way out, when the server named one. */
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** Whose requests, and for whom. */
export interface RequestEnds {
  readonly callee: string;
  readonly caller?: string;
}

/** The page server's API. Every call rejects with `ApiError` and with nothing else. */
export class ApiClient {
  constructor(private readonly request: typeof fetch) {}

  graph(): Promise<GraphView> {
    return this.get('/api/graph');
  }

  service(name: string): Promise<ServiceDetail> {
    return this.get(`/api/services/${encodeURIComponent(name)}`);
  }

  edge(caller: string, callee: string): Promise<EdgeDetail> {
    return this.get(`/api/edges/${encodeURIComponent(caller)}/${encodeURIComponent(callee)}`);
  }

  /** Read defensively by its view: the explanation grows with the compiler. */
  explain(from: string, to: string): Promise<unknown> {
    return this.get(`/api/explain/${encodeURIComponent(from)}/${encodeURIComponent(to)}`);
  }

  objectives(): Promise<readonly ObjectiveView[]> {
    return this.get('/api/objectives');
  }

  status(): Promise<StatusView> {
    return this.get('/api/status');
  }

  preview(id: string): Promise<PreviewView> {
    return this.get(`/api/previews/${encodeURIComponent(id)}`);
  }

  /** The newest decisions about single requests of a callee, or of one caller of it. */
  decisions(of: RequestEnds): Promise<RequestDecisionsView> {
    return this.get(`/api/request-decisions?limit=30&${new URLSearchParams({ ...of })}`);
  }

  /** How such requests ended in the last minutes and in the last hour, by operation. */
  decisionCounts(of: RequestEnds): Promise<DecisionCountsView> {
    return this.get(`/api/request-decisions/counts?${new URLSearchParams({ ...of })}`);
  }

  shadow(): Promise<ShadowView> {
    return this.get('/api/shadow');
  }

  revisions(): Promise<RevisionsView> {
    return this.get('/api/revisions?limit=20');
  }

  trace(traceId: string): Promise<TraceView> {
    return this.get(`/api/traces/${encodeURIComponent(traceId)}`);
  }

  private async get<Answer>(path: string): Promise<Answer> {
    const response = await this.request(path, { headers: { accept: 'application/json' } }).catch(
      (cause: unknown) => {
        throw new ApiError(`The page server does not answer (${String(cause)})`, 0);
      },
    );
    const body: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw problemOf(response.status, body);
    if (body === undefined) throw new ApiError('The answer is no JSON', response.status);
    return body as Answer;
  }
}

function problemOf(status: number, body: unknown): ApiError {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<ApiProblem>;
  const message = typeof problem.error === 'string' ? problem.error : `The server said ${status}`;
  return new ApiError(message, status, problem.hint);
}
