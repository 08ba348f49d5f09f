export * from './client.ts';
export * from './dispatch.ts';
export * from './frames.ts';
export * from './http-status.ts';
export * from './local-client.ts';
export * from './registry.ts';
