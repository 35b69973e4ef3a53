import { CliError, exitCodes } from './exit.ts';

export type ApiClient = {
  get<Answer>(path: string, query?: Readonly<Record<string, string | number | boolean | undefined>>): Promise<Answer>;
};

const timeoutMs = 15_000;

/**
 * Reads from the API.
 * @throws CliError 3 where it cannot be reached, 1 where it says that there is no such thing, 2 where the question was wrong
 */
export function createApiClient(baseUrl: string): ApiClient {
  return {
    async get<Answer>(path: string, query: Readonly<Record<string, string | number | boolean | undefined>> = {}): Promise<Answer> {
      const url = urlOf(baseUrl, path);
      for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
      const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((cause: unknown) => {
        throw new CliError(
          exitCodes.unreachable,
          `the API at ${url.origin} does not answer`,
          'Start it with `npm start`, or say where it is with --api or WAYBILL_API.',
          { cause },
        );
      });
      const answer: unknown = await response.json().catch(() => undefined);
      if (response.ok && answer !== undefined) return answer as Answer;
      throw refusal(url, response.status, answer);
    },
  };
}

function urlOf(baseUrl: string, path: string): URL {
  const base = URL.parse(baseUrl);
  if (base === null || !/^https?:$/.test(base.protocol))
    throw new CliError(exitCodes.usage, `${JSON.stringify(baseUrl)} is no URL of an API`, 'Write it like http://127.0.0.1:28090.');
  return new URL(`${base.href.replace(/\/$/, '')}${path}`);
}

function refusal(url: URL, status: number, answer: unknown): CliError {
  const { message, next } = (typeof answer === 'object' && answer !== null ? answer : {}) as { message?: string; next?: string };
  if (message === undefined)
    return new CliError(
      exitCodes.unreachable,
      `${url.origin} answered ${status}, and not as Waybill's API does`,
      'Check --api or WAYBILL_API.',
    );
  const exitCode = status === 404 ? exitCodes.no : status === 400 ? exitCodes.usage : exitCodes.unreachable;
  return new CliError(exitCode, message, inCommands(next ?? 'See the log of the api.'));
}

/** The API names its own paths; here they are commands. */
const inCommands = (next: string): string =>
  next.replaceAll(
    /\/v1\/(images|parked|status|trace|policies)/g,
    (_, path: string) => `\`waybill ${path === 'policies' ? 'policy' : path}\``,
  );
