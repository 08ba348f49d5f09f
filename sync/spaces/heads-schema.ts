/** Names what an author had seen of the control logs. */
export const HEADS_SCHEMA = 'granary.heads.v1';
