import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { type SortDirection, type SortKey, sortRows } from '../view-model/sort-rows.js';

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly sortKey?: (row: Row) => SortKey;
  /** Figures stand at the right and sort downwards first. */
  readonly numeric?: boolean;
  /** Left out on narrow screens. */
  readonly wideOnly?: boolean;
}

export interface SortableTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly empty: string;
  readonly rowClass?: (row: Row) => string;
}

const rowsAtFirst = 200;

/** A table sorted by its header's buttons; without a choice the rows keep the order they come in. */
export function SortableTable<Row>(props: SortableTableProps<Row>) {
  const sorted = useSignal<{ readonly column: string; readonly direction: SortDirection } | null>(
    null,
  );
  const limit = useSignal(rowsAtFirst);
  const column = props.columns.find((candidate) => candidate.name === sorted.value?.column);
  const rows =
    column?.sortKey === undefined
      ? props.rows
      : sortRows(props.rows, column.sortKey, sorted.value?.direction ?? 'ascending');
  const sort = (chosen: Column<Row>) => {
    const first: SortDirection = chosen.numeric === true ? 'descending' : 'ascending';
    const other: SortDirection = first === 'ascending' ? 'descending' : 'ascending';
    const again = sorted.value?.column === chosen.name && sorted.value.direction === first;
    sorted.value = { column: chosen.name, direction: again ? other : first };
  };
  return (
    <div class="table-scroll">
      <table>
        <caption>{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((each) => (
              <th
                key={each.name}
                scope="col"
                class={classOf(each)}
                aria-sort={sorted.value?.column === each.name ? sorted.value.direction : 'none'}
              >
                {each.sortKey === undefined ? (
                  each.name
                ) : (
                  <button type="button" onClick={() => sort(each)}>
                    {each.name}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit.value).map((row) => (
            <tr
              key={props.rowKey(row)}
              class={props.rowClass?.(row) ?? ''}
              data-row={props.rowKey(row)}
            >
              {props.columns.map((each) => (
                <td key={each.name} class={classOf(each)}>
                  {each.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty">{props.empty}</p>}
      {rows.length > limit.value && (
        <button
          type="button"
          class="more"
          onClick={() => {
            limit.value += rowsAtFirst;
          }}
        >
          Show more ({rows.length - limit.value} left)
        </button>
      )}
    </div>
  );
}

function classOf({ numeric, wideOnly }: { numeric?: boolean; wideOnly?: boolean }): string {
  return `${numeric === true ? 'numeric' : ''} ${wideOnly === true ? 'wide-only' : ''}`;
}
