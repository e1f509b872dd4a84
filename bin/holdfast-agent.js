#!/usr/bin/env node
import { requireNode } from './require-node.js';

if (requireNode('holdfast-agent')) await import('./holdfast-agent.ts');
