import { cellStories } from './cell-stories.ts';
import { showEveryGrant } from './show-every-grant.ts';

showEveryGrant('cell-1', cellStories);
