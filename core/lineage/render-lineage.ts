import type { LineageEdge } from '#core/catalog/index.ts';
import type { Lineage, LineageBranch } from './lineage-of.ts';

interface Line {
  readonly text: string;
  readonly below: readonly Line[];
}

const rows = (count: number) => `${count} ${count === 1 ? 'row' : 'rows'}`;

function upstreamLine({ edge, branches }: LineageBranch): Line {
  const { from, to } = edge;
  const version = from.version === undefined ? '' : ` version ${from.version}`;
  const text = `version ${to.version} ← ${from.kind} ${oneLine(from.name)}${version}, ${rows(edge.rowCount)}, ${time(edge)}${bounds(edge)}`;
  return { text, below: branches.map(upstreamLine) };
}

function downstreamLine({ edge, branches }: LineageBranch): Line {
  const { from, to } = edge;
  const version = from.version === undefined ? '' : `version ${from.version} `;
  const text = `${version}→ asset ${oneLine(to.name)} version ${to.version}, ${rows(edge.rowCount)}, ${time(edge)}`;
  return { text, below: branches.map(downstreamLine) };
}

/** Columns whose values may differ from those that came in. */
const bounds = ({ detail: { maxErrors } }: LineageEdge) =>
  typeof maxErrors === 'string' ? `, within ${oneLine(maxErrors)}` : '';

const time = ({ at }: LineageEdge) => new Date(at).toISOString();

/** A name from outside stays on its line. */
const oneLine = (name: string) => name.replace(/\p{Cc}+/gu, ' ');

function draw(lines: readonly Line[], indent: string): string[] {
  return lines.flatMap(({ text, below }, i) => {
    const last = i === lines.length - 1;
    return [`${indent}${last ? '└─' : '├─'} ${text}`, ...draw(below, `${indent}${last ? '   ' : '│  '}`)];
  });
}

/** The lineage as a tree of text, one edge a line, ending in a newline. */
export function renderLineage(lineage: Lineage): string {
  const { name, upstream, downstream, truncated } = lineage;
  const tree = draw([...upstream.map(upstreamLine), ...downstream.map(downstreamLine)], '');
  const nothing = tree.length === 0 ? ['   nothing is recorded'] : [];
  const more = truncated ? ['… and more'] : [];
  return `${[oneLine(name), ...tree, ...nothing, ...more].join('\n')}\n`;
}
