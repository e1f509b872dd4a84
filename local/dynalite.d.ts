declare module 'dynalite' {
  import type { Server } from 'node:http';
  /** An HTTP server that answers DynamoDB's API from LevelDB under `path`; it need not listen. */
  export default function dynalite(options: {
    path?: string;
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
  }): Server;
}
