type Json = { readonly [key: string]: unknown };

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Aggregates that see no more of a text than whether it is there, and how it compares with others. */
const COMPARING_AGGREGATES = new Set(['count', 'max', 'min']);

/**
 * The columns of text that a statement only groups, sorts, counts and shows, by name in lower case. The engine may then
 * be given an ENUM in their place, which it groups several times faster: wherever a text is looked into or compared with
 * another expression, the two would not always behave alike. Only the plainest form of a statement is looked at, one
 * SELECT from one table.
 */
export function enumColumns(tree: unknown, columnNames: readonly string[]): ReadonlySet<string> {
  const statement = isJson(tree) ? list(tree.statements)[0] : undefined;
  const node = isJson(statement) ? statement.node : undefined;
  if (!isJson(node) || node.type !== 'SELECT_NODE' || 'cte_map' in node) return new Set();
  const { from_table: from, select_list: selected, group_expressions: groups, modifiers, ...rest } = node;
  if (!isJson(from) || from.type !== 'BASE_TABLE' || 'sample' in from || 'column_name_alias' in from) return new Set();
  const columns = new Set(columnNames.map((name) => name.toLowerCase()));
  /** Expressions that may be a column and nothing more. */
  const outputs = list(selected);
  const bare = [...outputs, ...list(groups), ...list(modifiers).flatMap(orderExpressions)];
  const looked: unknown[] = [
    rest,
    list(modifiers).map((modifier) => (isJson(modifier) ? withoutOrders(modifier) : modifier)),
  ];
  for (const expression of bare) if (referenced(comparedArgument(expression)) === undefined) looked.push(expression);
  const lookedInto = new Set<string>();
  if (!collectReferences(looked, lookedInto)) return new Set();
  // A name given to a column in the output, or to its least or greatest text, may be looked into elsewhere.
  for (const output of outputs) {
    const name = referenced(comparedArgument(output));
    const alias = isJson(output) && typeof output.alias === 'string' ? output.alias.toLowerCase() : '';
    if (name !== undefined && alias !== '' && lookedInto.has(alias)) lookedInto.add(name);
  }
  return new Set([...columns].filter((name) => !lookedInto.has(name)));
}

const orderExpressions = (modifier: unknown): readonly unknown[] =>
  isJson(modifier) && modifier.type === 'ORDER_MODIFIER'
    ? list(modifier.orders).map((order) => (isJson(order) ? order.expression : order))
    : [];

const withoutOrders = ({ orders, ...rest }: Json): Json =>
  rest.type === 'ORDER_MODIFIER' ? rest : { ...rest, orders };

/** The argument of `count(x)`, `min(x)` and `max(x)`, or the expression itself. */
function comparedArgument(expression: unknown): unknown {
  if (!isJson(expression) || expression.class !== 'FUNCTION') return expression;
  const children = list(expression.children);
  const { function_name: name, filter, order_bys: order } = expression;
  const isOrdered = isJson(order) && list(order.orders).length > 0;
  const isPlain =
    children.length === 1 && filter === undefined && !isOrdered && COMPARING_AGGREGATES.has(String(name).toLowerCase());
  return isPlain ? children[0] : expression;
}

/** The name of the column when the expression is one, in lower case. */
function referenced(expression: unknown): string | undefined {
  if (!isJson(expression) || expression.class !== 'COLUMN_REF') return undefined;
  const names = list(expression.column_names);
  return typeof names.at(-1) === 'string' ? String(names.at(-1)).toLowerCase() : undefined;
}

/** Collects every part of every name referred to; false when a star or a subquery may refer to any. */
function collectReferences(value: unknown, names: Set<string>): boolean {
  if (Array.isArray(value)) return value.every((item) => collectReferences(item, names));
  if (!isJson(value)) return true;
  if (value.class === 'STAR' || value.class === 'SUBQUERY') return false;
  if (value.class === 'COLUMN_REF') for (const name of list(value.column_names)) names.add(String(name).toLowerCase());
  return Object.values(value).every((child) => collectReferences(child, names));
}
