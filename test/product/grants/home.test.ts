import { homeStories } from './home-stories.ts';
import { showEveryGrant } from './show-every-grant.ts';

showEveryGrant('home', homeStories);
