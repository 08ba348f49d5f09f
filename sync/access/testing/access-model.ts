/**
 * The rules of access as sets and nothing else: every question is answered from the operations anew. Slow, and only right for
 * spaces whose operations are all well-formed.
 */
import { toHex } from '#core/kernel/index.ts';
import { type ControlOperation, decodeRecoveryStatement, includesLevel, type Level, LEVELS } from '../index.ts';
import { readStatement, type Statement } from '../control-operation.ts';

type Id = string;
type Moment = ReadonlySet<Id>;

export class AccessModel {
  #operations: ReadonlyMap<Id, ControlOperation>;
  readonly #genesis: Id;
  readonly #pasts = new Map<Id, Set<Id>>();
  readonly #authorised = new Map<Id, boolean>();

  constructor(genesisId: Uint8Array, operations: readonly ControlOperation[]) {
    this.#genesis = toHex(genesisId);
    this.#operations = new Map(operations.map((operation) => [toHex(operation.id), operation]));
    this.#operations = this.#admitted();
  }

  /** Those of devices that were let in, with all that they depend on. */
  #admitted(): ReadonlyMap<Id, ControlOperation> {
    const devices = new Set([this.#author(this.#genesis)]);
    const taken = new Map<Id, ControlOperation>();
    for (let count = -1; count < taken.size;) {
      count = taken.size;
      for (const [id, operation] of this.#operations) {
        const isWhole = [...this.#past(id)].every((earlier) => taken.has(earlier));
        if (!devices.has(this.#author(id)) || !isWhole) continue;
        taken.set(id, operation);
        for (const device of this.#letIn(id)) devices.add(device);
      }
    }
    return taken;
  }

  #letIn(id: Id): Id[] {
    if (!this.authorised(id)) return [];
    const { kind, record } = this.#statement(id);
    if (kind === 'grant') return [toHex(record.device)];
    return kind === 'recover'
      ? decodeRecoveryStatement(record.statement).managers.map(({ device }) => toHex(device))
      : [];
  }

  has(id: Id): boolean {
    return this.#operations.has(id);
  }

  get everything(): Moment {
    return new Set(this.#operations.keys());
  }

  upTo(heads: readonly Id[]): Moment {
    return new Set(heads.flatMap((head) => [head, ...this.#past(head)]));
  }

  level(device: Id, moment: Moment, effective: ReadonlySet<Id> = this.effective(moment)): Level | null {
    if ([...effective].some((id) => this.#removed(id) === device)) return null;
    const grants = this.#grantsTo(device, moment).filter(({ id }) => this.valid(id, moment, effective));
    const latest = grants.filter(({ id }) => !grants.some((other) => this.#past(other.id).has(id)));
    const levels = latest.map(({ id, level }) => this.#capped(id, level, moment));
    return levels.toSorted((left, right) => LEVELS.indexOf(left) - LEVELS.indexOf(right))[0] ?? null;
  }

  refused(): Map<Id, string> {
    const everything = this.everything;
    const effective = this.effective(everything);
    const refused = new Map<Id, string>();
    for (const id of everything) {
      const statement = this.#statement(id);
      if (!this.authorised(id)) refused.set(id, 'unauthorised');
      else if (statement.kind === 'revoke') {
        if (!effective.has(id)) refused.set(id, 'void');
      } else if (!this.valid(id, everything, effective)) refused.set(id, 'void');
      else if (statement.kind === 'grant') {
        const device = toHex(statement.record.device);
        const isBack = [...effective].some((other) => this.#removed(other) === device && this.#past(id).has(other));
        if (isBack) refused.set(id, 'void');
      }
    }
    return refused;
  }

  authorised(id: Id): boolean {
    let known = this.#authorised.get(id);
    if (known === undefined) {
      const needed = this.#needed(id);
      const author = this.#author(id);
      const isFounded = id === this.#genesis || this.#past(id).has(this.#genesis);
      known = isFounded && (needed ? includesLevel(this.level(author, this.#past(id)), needed) : this.#isRoot(id));
      this.#authorised.set(id, known);
    }
    return known;
  }

  /** Whether an authorised operation stays when these revocations have effect. */
  valid(id: Id, moment: Moment, effective: ReadonlySet<Id>): boolean {
    if (this.#isRoot(id)) return true;
    if ([...effective].some((revocation) => this.#isOutside(revocation, id))) return false;
    if (this.#recoveries(moment).some((recovery) => !this.#keeps(recovery, id))) return false;
    return this.#support(id).some((grant) => this.valid(grant, moment, effective));
  }

  /** The revocations of a moment that have effect. */
  effective(moment: Moment): Set<Id> {
    const effective = new Set<Id>();
    let undecided = [...moment].filter((id) => this.#statement(id).kind === 'revoke' && this.authorised(id));
    while (undecided.length > 0) {
      const reachable = (from: Id): Set<Id> => {
        const found = new Set<Id>();
        const visit = (id: Id) => {
          for (const next of undecided) {
            if (found.has(next) || next === id || !this.#reaches(id, next)) continue;
            found.add(next);
            visit(next);
          }
        };
        visit(from);
        return found;
      };
      const reach = new Map(undecided.map((id) => [id, reachable(id)]));
      const first = undecided.find((id) => undecided.every((o) => !reach.get(o)!.has(id) || reach.get(id)!.has(o)))!;
      const circle = undecided.filter((o) => o === first || (reach.get(first)!.has(o) && reach.get(o)!.has(first)));
      const standing = circle.filter((id) => this.valid(id, moment, effective));
      const isDecided = standing.length === circle.length;
      if (isDecided) for (const id of circle) effective.add(id);
      undecided = undecided.filter((id) => !circle.includes(id) || (!isDecided && standing.includes(id)));
    }
    return effective;
  }

  #statement = (id: Id): Statement => readStatement(this.#operations.get(id)!) as Statement;
  #author = (id: Id): Id => toHex(this.#operations.get(id)!.author);

  #past(id: Id): Set<Id> {
    let past = this.#pasts.get(id);
    if (!past) {
      const { backlink, dependencies } = this.#operations.get(id)!;
      const before = [...(backlink ? [backlink] : []), ...dependencies].map(toHex);
      past = new Set(before.flatMap((earlier) => [earlier, ...this.#past(earlier)]));
      this.#pasts.set(id, past);
    }
    return past;
  }

  /** Recoveries are well signed in the spaces of this model. */
  #isRoot = (id: Id): boolean => id === this.#genesis || this.#statement(id).kind === 'recover';

  #needed(id: Id): Level | undefined {
    const { kind } = this.#statement(id);
    if (kind === 'space' || kind === 'recover') return undefined;
    return kind === 'rekey' || kind === 'share-key' ? 'write' : 'manage';
  }

  #removed(id: Id): Id | undefined {
    const { kind, record } = this.#statement(id);
    return kind === 'revoke' ? toHex(record.device) : undefined;
  }

  #isOutside(revocation: Id, id: Id): boolean {
    const { kind, record } = this.#statement(revocation);
    const { author, logId, seq } = this.#operations.get(id)!;
    if (kind !== 'revoke' || toHex(record.device) !== toHex(author)) return false;
    const last = record.frontier.find((entry) => toHex(entry.logId) === toHex(logId));
    return !last || seq > last.seq || (seq === last.seq && id !== toHex(last.operationId));
  }

  #reaches(from: Id, to: Id): boolean {
    const rests = (id: Id): Id[] => [id, ...this.#support(id).flatMap(rests)];
    return rests(to).some((id) => this.#isOutside(from, id));
  }

  #support(id: Id): Id[] {
    const needed = this.#needed(id);
    if (!needed) return [];
    const past = this.#past(id);
    return this.#grantsTo(this.#author(id), past)
      .filter((grant) => includesLevel(this.#capped(grant.id, grant.level, past), needed))
      .map((grant) => grant.id);
  }

  #grantsTo(device: Id, moment: Moment): { id: Id; level: Level }[] {
    return [...moment].flatMap((id): { id: Id; level: Level }[] => {
      const { kind, record } = this.#statement(id);
      if (kind === 'grant' && toHex(record.device) === device)
        return this.authorised(id) ? [{ id, level: record.level }] : [];
      if (id === this.#genesis && this.#author(id) === device) return [{ id, level: 'manage' }];
      if (kind !== 'recover' || !this.authorised(id)) return [];
      const { managers } = decodeRecoveryStatement(record.statement);
      return managers.some((manager) => toHex(manager.device) === device) ? [{ id, level: 'manage' }] : [];
    });
  }

  #capped(id: Id, level: Level, moment: Moment): Level {
    const isCapped = this.#recoveries(moment).some((recovery) => !this.#isAfter(recovery, id));
    return isCapped && level === 'manage' ? 'write' : level;
  }

  #recoveries = (moment: Moment): Id[] =>
    [...moment].filter((id) => this.#statement(id).kind === 'recover' && this.authorised(id));

  #isAfter(recovery: Id, id: Id): boolean {
    const statementOf = (each: Id): string | undefined => {
      const { kind, record } = this.#statement(each);
      return kind === 'recover' ? toHex(record.statement) : undefined;
    };
    return [id, ...this.#past(id)].some((each) => statementOf(each) === statementOf(recovery));
  }

  #keeps(recovery: Id, id: Id): boolean {
    const { record } = this.#statement(recovery) as Extract<Statement, { kind: 'recover' }>;
    const base = this.upTo(decodeRecoveryStatement(record.statement).heads.map(toHex));
    return base.has(id) || this.#isAfter(recovery, id);
  }
}
