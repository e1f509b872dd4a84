#!/usr/bin/env node
import { requireNode } from './require-node.js';

if (requireNode('holdfast')) await import('./holdfast.ts');
