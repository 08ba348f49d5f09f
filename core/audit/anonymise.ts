import type { AccessPurpose } from '#core/kernel/index.ts';
import type { AuditEntry } from './entry.ts';

/** What the trail and the answer may hold when data is touched for one purpose. */
export interface PrivacyRule {
  readonly userId: 'full' | 'null';
  readonly sourceIp: 'full' | 'redacted';
  readonly deviceInfo: 'full' | 'omitted';
  /** How much of the data itself the purpose may see; for whoever shapes the answer, the trail holds no data. */
  readonly dataContent: 'full' | 'limited' | 'aggregated' | 'features';
}

const OPEN = { userId: 'full', sourceIp: 'full', deviceInfo: 'full', dataContent: 'full' } as const;
const ANONYMOUS = { userId: 'null', sourceIp: 'redacted', deviceInfo: 'omitted' } as const;

/** The federation's generalised privacy rules, one row a purpose. */
export const PRIVACY_RULES: Readonly<Record<AccessPurpose, PrivacyRule>> = {
  USER_VIEW: OPEN,
  PROVIDER_ACCESS: OPEN,
  RESEARCH: { ...ANONYMOUS, dataContent: 'limited' },
  DATA_SYNC: OPEN,
  ADMIN: OPEN,
  ANALYTICS: { ...ANONYMOUS, dataContent: 'aggregated' },
  MACHINE_LEARNING: { ...ANONYMOUS, dataContent: 'features' },
};

/** Stands where an address was; an absent address stays absent. */
export const REDACTED = 'redacted';

/** The entry without what the rules of `purpose` do not allow to keep. */
export function anonymise<Entry extends Pick<AuditEntry, 'userId' | 'sourceIp' | 'deviceInfo'>>(
  entry: Entry,
  purpose: AccessPurpose,
): Entry {
  const rule = PRIVACY_RULES[purpose];
  return {
    ...entry,
    userId: rule.userId === 'full' ? entry.userId : null,
    sourceIp: rule.sourceIp === 'full' || entry.sourceIp === null ? entry.sourceIp : REDACTED,
    deviceInfo: rule.deviceInfo === 'full' ? entry.deviceInfo : null,
  };
}
