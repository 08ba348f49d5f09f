/** The page that explains every error code; each has a heading of its own, so that it can be linked to. */
export function renderErrorsPage(codes: Readonly<Record<string, string>>): string {
  const sections = Object.entries(codes).map(([code, text]) => `## ${code}\n\n${text}\n`);
  return [
    '# Errors\n',
    'Every failure that a caller can see carries one of these codes: on the command line as `error: CODE message` with\n' +
      'exit code 1 (2 for `USAGE_INVALID`), over HTTP in the body of the answer. The message names the thing that is\n' +
      'concerned. This page is generated from `core/kernel/errors.ts`.\n',
    ...sections,
  ].join('\n');
}
