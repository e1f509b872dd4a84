/** What is behind the help of every command that goes to S3 by itself. */
export const settingsText =
  '\nS3 is reached with the AWS SDK’s own settings: AWS_PROFILE, or AWS_ACCESS_KEY_ID\n' +
  'and AWS_SECRET_ACCESS_KEY; AWS_REGION; AWS_ENDPOINT_URL_S3 for another store.';
