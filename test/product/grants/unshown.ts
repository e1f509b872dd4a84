/** Grants that no story on one machine can need: role → grant → why. */
export const unshown: Record<string, Record<string, string>> = {
  'home/Access': {
    'dynamodb:GetItem on Tokens':
      'reads what is in the way of a new token, whose hash is random: its own first try, sent again after a time-out',
  },
  'home/AlertDelivery': {
    'dynamodb:GetItem on AlertLanes':
      'reads what is in the way of a lane: the lease keeps other turns out, so an event that the router adds meanwhile',
  },
  'home/BulkRunner': {
    'dynamodb:GetItem on BulkTargets':
      'reads what is in the way of a row: the lease keeps other runs out, so its own first try after a time-out',
  },
};

/** Any role’s: what a function writes goes to the local mode’s one stream, and API Gateway’s access log to nobody. */
export const isAboutLogs = (grant: string): boolean => grant.startsWith('logs:');
