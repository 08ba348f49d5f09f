/**
 * The strongly connected components of a graph, each after all that lead to it. `next` gives where the edges of a node
 * go; what is not among `nodes` is left out. Source: Tarjan, Depth-first search and linear graph algorithms (1972), with
 * a stack of its own, since input may be as deep as it likes.
 */
export function stronglyConnected<T>(nodes: readonly T[], next: (node: T) => Iterable<T>): T[][] {
  const among = new Set(nodes);
  const order = new Map<T, number>();
  const lowest = new Map<T, number>();
  const open: T[] = [];
  const isOpen = new Set<T>();
  const components: T[][] = [];

  const enter = (node: T) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node)!);
    open.push(node);
    isOpen.add(node);
    return { node, edges: next(node)[Symbol.iterator]() };
  };
  const lower = (node: T, to: number) => lowest.set(node, Math.min(lowest.get(node)!, to));

  for (const root of nodes) {
    if (order.has(root)) continue;
    const path = [enter(root)];
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const { node, edges } = step;
      const edge = edges.next();
      if (!edge.done) {
        if (!among.has(edge.value)) continue;
        if (!order.has(edge.value)) path.push(enter(edge.value));
        else if (isOpen.has(edge.value)) lower(node, order.get(edge.value)!);
        continue;
      }
      path.pop();
      const parent = path.at(-1)?.node;
      if (parent !== undefined) lower(parent, lowest.get(node)!);
      if (lowest.get(node) === order.get(node)) {
        const component = open.splice(open.indexOf(node));
        for (const member of component) isOpen.delete(member);
        components.push(component);
      }
    }
  }
  return components.reverse();
}
