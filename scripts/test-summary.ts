/** What we read of vitest's JSON report. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface TestSummary {
  readonly passed: number;
  readonly failed: number;
  /** Full names of the tests that did not run. */
  readonly skipped: readonly string[];
  /** Failures that are not failures of a test, one line each. */
  readonly notes: readonly string[];
}

/** Counts a report. Nothing that went wrong is lost: a file without results and an exit code without reason count too. */
export function summarise(report: VitestReport | undefined, exitCode: number): TestSummary {
  const files = report?.testResults ?? [];
  const tests = files.flatMap((file) => file.assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  const broken = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const notes = broken.map((file) => `failed to load: ${file.name}`);
  const failedTests = count('failed');
  if (!report) notes.push('vitest ended without a report');
  else if (exitCode !== 0 && failedTests + broken.length === 0) notes.push(`vitest ended with exit code ${exitCode}`);
  return {
    passed: count('passed'),
    failed: failedTests + notes.length,
    skipped: tests.filter(({ status }) => status !== 'passed' && status !== 'failed').map(({ fullName }) => fullName),
    notes,
  };
}
