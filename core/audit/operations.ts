import { z } from 'zod';
import { ACCESS_PURPOSES, type AssetId, defineOperation, type Operation } from '#core/kernel/index.ts';
import { AUDIT_LIST_MAX, type AuditLog } from './audit-log.ts';
import { AUDIT_OUTCOMES, DATA_ACTIONS } from './entry.ts';

const entry = z.object({
  sequence: z.int(),
  at: z.string(),
  userId: z.string().nullable(),
  assetId: z.string().nullable(),
  assetName: z.string().nullable(),
  purpose: z.enum(ACCESS_PURPOSES),
  action: z.enum(DATA_ACTIONS),
  outcome: z.enum(AUDIT_OUTCOMES),
  sourceIp: z.string().nullable(),
  deviceInfo: z.string().nullable(),
  detail: z.string(),
  hash: z.string(),
});

const auditOutput = z.object({ entries: z.array(entry) });

export type AuditOutput = z.output<typeof auditOutput>;

export interface AuditOperationsDeps {
  readonly auditLog: AuditLog;
  /** The id of the asset that has this name; errors: `ASSET_NOT_FOUND`. */
  readonly findAssetId: (name: string) => Promise<AssetId>;
}

export function auditOperations({ auditLog, findAssetId }: AuditOperationsDeps): readonly Operation[] {
  return [
    defineOperation({
      name: 'listAudit',
      description: 'The audit trail, newest first, of all assets or of one.',
      input: z.strictObject({
        asset: z.string().optional(),
        limit: z.int().min(1).max(AUDIT_LIST_MAX).default(100),
      }),
      output: auditOutput,
      permission: 'read',
      async handler({ asset, limit }) {
        const assetId = asset === undefined ? undefined : await findAssetId(asset);
        const entries = await auditLog.listAudit({ assetId, limit });
        return {
          entries: entries.map(({ previous: _, id: __, ...shown }) => ({
            ...shown,
            at: new Date(shown.at).toISOString(),
            detail: describeDetail(shown.detail),
          })),
        };
      },
    }),
  ];
}

const describeDetail = (detail: Readonly<Record<string, unknown>>): string =>
  Object.entries(detail)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');
