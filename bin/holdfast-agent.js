#!/usr/bin/env -S node --max-semi-space-size=8
import process from 'node:process';
import { requireNode } from './require-node.js';

if (requireNode('holdfast-agent')) {
  const { useCompileCache } = await import('./compile-cache.js');
  useCompileCache(process.env);
  await import('./holdfast-agent.ts');
}
