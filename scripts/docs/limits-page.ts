import { dirname } from 'node:path';
import ts from 'typescript';
import type { ProjectFiles } from './project-files.ts';

export interface Limit {
  readonly name: string;
  readonly path: string;
  /** As it stands in the source: `256 * 1024`. */
  readonly value: string;
  /** Its doc comment as one line; empty when there is none. */
  readonly reason: string;
}

const PRODUCT_SOURCE = /^(core|sync)\/.*(?<!\.test|\.as)\.ts$/;
const LIMIT_NAME = /_(MAX|MIN|LIMIT)$/;

/** Every exported constant of the product that is named as a limit. */
export function findLimits(files: ProjectFiles): Limit[] {
  return [...files]
    .filter(([path, text]) => PRODUCT_SOURCE.test(path) && text.includes('export const'))
    .flatMap(([path, text]) => limitsOf(path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)));
}

function limitsOf(path: string, source: ts.SourceFile): Limit[] {
  return source.statements.filter(ts.isVariableStatement).flatMap((statement) => {
    if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    return statement.declarationList.declarations
      .filter(({ name, initializer }) => initializer && LIMIT_NAME.test(name.getText()))
      .map(({ name, initializer }) => ({
        name: name.getText(),
        path,
        value: initializer!.getText(),
        reason: reasonOf(statement),
      }));
  });
}

function reasonOf(statement: ts.VariableStatement): string {
  const comments = ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc);
  const text = comments.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join(' ');
  return text.replaceAll(/\s+/g, ' ').trim();
}

export function findLimitsWithoutReason(limits: readonly Limit[]): string[] {
  return limits
    .filter(({ reason }) => reason === '')
    .map(({ name, path }) => `${path}: the limit ${name} needs a doc comment that says why it is what it is.`);
}

/** The page that lists the limits by folder. */
export function renderLimitsPage(limits: readonly Limit[]): string {
  const folders = Map.groupBy(limits, ({ path }) => dirname(path).split('/').slice(0, 2).join('/'));
  const sections = [...folders]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([folder, found]) => {
      const items = found
        .toSorted((left, right) => (left.name < right.name ? -1 : 1))
        .map(({ name, value, reason }) => `- \`${name}\` = \`${value}\`: ${reason}\n`);
      return `## ${folder}\n\n${items.join('')}`;
    });
  return [
    '# Limits\n',
    'What the product refuses to exceed, and why. A limit that is reached is an error that names it, mostly\n' +
      '[LIMIT_EXCEEDED](errors.md#limit_exceeded). This page is generated from the doc comments of the constants.\n',
    ...sections,
  ].join('\n');
}
