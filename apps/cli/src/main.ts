#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Reading TypeScript takes longer than most commands: it is done once. In a folder that nobody else can write to, for it is code; where
// there is none, each start reads anew.
const { HOME, XDG_CACHE_HOME = HOME && join(HOME, '.cache') } = process.env;
if (XDG_CACHE_HOME) enableCompileCache(join(XDG_CACHE_HOME, 'waybill/compiled'));
await import('./run.ts');
