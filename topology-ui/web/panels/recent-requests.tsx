import type { EdgeDetail } from '@dotline/topology-ui/api';
import { SelectLink } from '../components/select-link.js';
import { formatClock, formatMs } from '../view-model/format.js';
import { Section } from './panel-frame.js';

/** The latest requests along a line, each with the way to its trace. */
export function RecentRequests({ requests }: { readonly requests: EdgeDetail['recent'] }) {
  if (requests.length === 0) return null;
  return (
    <Section title="Recent requests">
      <div class="table-scroll">
        <table class="recent">
          <thead>
            <tr>
              <th scope="col">at</th>
              <th scope="col">request</th>
              <th scope="col" class="numeric">
                status
              </th>
              <th scope="col" class="numeric">
                took
              </th>
              <th scope="col">trace</th>
            </tr>
          </thead>
          <tbody>
            {requests.map((request, index) => (
              <tr key={`${request.atMs} ${request.traceId} ${index}`}>
                <td class="numeric">{formatClock(request.atMs)}</td>
                <td class="request" title={request.operation}>
                  {request.method} {request.path}
                </td>
                <td
                  class={`numeric ${request.status >= 500 || request.status === 0 ? 'danger' : ''}`}
                >
                  {request.status === 0 ? 'none' : request.status}
                  {request.responseFlags !== '' && request.responseFlags !== '-'
                    ? ` ${request.responseFlags}`
                    : ''}
                </td>
                <td class="numeric">{formatMs(request.durationMs)}</td>
                <td>
                  {request.traceId === '' ? (
                    '–'
                  ) : (
                    <SelectLink to={{ kind: 'trace', traceId: request.traceId }}>trace</SelectLink>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
