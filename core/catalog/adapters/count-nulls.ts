import { type Data, Type } from 'apache-arrow';

/** Rows without a value. Arrow's own count is wrong for a slice of a column of nothing but nulls. */
export const countNulls = (column: Data): number => (column.typeId === Type.Null ? column.length : column.nullCount);
