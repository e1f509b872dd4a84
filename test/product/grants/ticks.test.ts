import { showEveryGrant } from './show-every-grant.ts';
import { tickStories } from './tick-stories.ts';

showEveryGrant('home', tickStories);
