import { z } from 'zod';
import { checkEgress, EgressHostName } from './egress-schema.js';
import { KeySetSource } from './key-set-source.js';
import { isPathTemplate } from './path-template.js';
import { RolloutPolicy } from './rollout-policy.js';

/** Names of services, teams, cells …: DNS labels, because they become host names and identities. */
const Name = z
  .string()
  .regex(
    /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be lower-case letters, digits and dashes, starting with a letter',
  )
  .describe('DNS label');

const Limit = z.number().int().min(1).max(100_000);

const Person = z
  .string()
  .regex(/^[^\s:]{1,254}$/, 'must be a name or an email address, without spaces and colons')
  .describe('As they push: a name or an email address; case does not matter');
const People = z.array(Person).max(10_000).default([]);

const Methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** `mesh.yaml`. */
export const MeshFile = z
  .strictObject({
    apiVersion: z.literal('dotline/v1'),
    name: Name,
    trustDomain: z
      .string()
      .regex(
        /^[a-z0-9._-]{1,255}$/,
        'must be a SPIFFE trust domain: lower-case letters, digits, dots, dashes',
      )
      .describe('Authority of every SPIFFE ID'),
    contact: z.string().min(1).describe('Whom to ask about the platform'),
    platform: z
      .strictObject({ people: People.describe('Who may push mesh.yaml and policies/platform/') })
      .default({ people: [] }),
    regions: z
      .array(
        z.strictObject({
          name: Name,
          zones: z.array(z.strictObject({ name: Name, cells: z.array(Name).min(1) })).min(1),
        }),
      )
      .min(1),
    teams: z
      .array(
        z.strictObject({
          name: Name,
          colour: z.string().regex(/^#[0-9a-f]{6}$/i, 'must be #rrggbb'),
          contact: z.string().min(1).describe('Whom to ask: a channel, an address'),
          people: People.describe("Who may push to the team's folders and services"),
        }),
      )
      .min(1),
    products: z.array(Name).min(1),
    rollout: RolloutPolicy.optional(),
    jwt: z
      .array(
        z.strictObject({
          issuer: z.string().min(1).max(200).describe('The iss claim of its tokens'),
          audiences: z
            .array(z.string().min(1).max(200))
            .min(1)
            .describe('A token must name one of them in its aud claim'),
          jwks: KeySetSource.describe('Where the public keys are'),
        }),
      )
      .max(16)
      .optional()
      .describe("Whose tokens tell a team's allow_request who the user is"),
    limits: z
      .strictObject({
        fanIn: Limit.default(1_000).describe('Services that may call one service'),
        fanOut: Limit.default(100).describe('Services that one service may call'),
      })
      .prefault({})
      .describe('How many edges one service may have; more are an error of the mesh directory'),
  })
  .describe('A mesh: its trust domain, its places and its teams');

/** `services/<…>/service.yaml`. */
export const ServiceFile = z
  .strictObject({
    apiVersion: z.literal('dotline/v1'),
    name: Name,
    team: Name.describe('The team that owns the service'),
    product: Name,
    tier: z.enum(['critical', 'standard', 'best-effort']),
    stage: z
      .enum(['production', 'development'])
      .default('production')
      .describe('Services of one stage never talk to services of another'),
    router: z
      .boolean()
      .default(false)
      .describe('Whether it carries requests between cells that nothing else connects'),
    language: z.enum(['typescript', 'javascript', 'python', 'go']).optional(),
    description: z.string().min(1),
    command: z
      .array(z.string().min(1))
      .min(1)
      .describe(
        'Starts one instance; run in the folder of this file; {binary} is the built Go program',
      )
      .optional(),
    egress: z
      .strictObject({
        hosts: z
          .array(
            z.strictObject({
              host: EgressHostName,
              address: z
                .string()
                .regex(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d{1,5}$/, 'must be IP:port')
                .optional()
                .describe('Where the host is, instead of asking DNS'),
              ca: z
                .string()
                .min(1)
                .optional()
                .describe(
                  'PEM file beside this one, of who signs for the host; else the public ones',
                ),
            }),
          )
          .min(1)
          .max(100),
      })
      .optional()
      .describe('Instead of language and command: what the mesh may reach outside through it'),
    environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string()).default({}),
    operations: z
      .array(
        z
          .strictObject({
            name: Name,
            class: z.enum(['read', 'write', 'pii']),
            purposes: z
              .array(Name)
              .min(1)
              .max(50)
              .optional()
              .describe('What personal data may be used for; nobody gets it for anything else'),
            host: EgressHostName.optional().describe('Of egress services: one of egress.hosts'),
            method: z.enum(Methods),
            path: z
              .string()
              .refine(
                isPathTemplate,
                'must be a path of literal and {parameter} segments, such as /v1/estimates/{id}',
              ),
          })
          .refine((operation) => operation.purposes === undefined || operation.class === 'pii', {
            path: ['purposes'],
            error: 'only operations of class pii have purposes',
          }),
      )
      .default([]),
    datastore: z.enum(['postgresql', 'valkey', 'none']).default('none'),
    placement: z
      .array(Name)
      .min(1)
      .max(100)
      .describe('Cells to run in: one instance for each entry'),
  })
  .superRefine(checkEgress)
  .describe('A service: who owns it, what it offers and how it runs');

/** An OpenSLO v1 `SLO` document, the part of it that Dotline computes. Source: https://github.com/OpenSLO/OpenSLO */
export const ObjectiveFile = z
  .strictObject({
    apiVersion: z.literal('openslo/v1'),
    kind: z.literal('SLO'),
    metadata: z.strictObject({
      name: Name,
      displayName: z.string().min(1).optional(),
      labels: z.record(z.string(), z.string()).optional(),
    }),
    spec: z.strictObject({
      description: z.string().optional(),
      service: Name,
      indicator: z.strictObject({
        metadata: z.strictObject({ name: Name }),
        spec: z.strictObject({
          ratioMetric: z.strictObject({
            counter: z.literal(true),
            good: z.strictObject({
              metricSource: z.strictObject({
                type: z.literal('dotline'),
                spec: z.discriminatedUnion('indicator', [
                  z.strictObject({ indicator: z.literal('availability') }),
                  z.strictObject({
                    indicator: z.literal('latency'),
                    thresholdMs: z.number().int().min(1).max(600_000),
                  }),
                ]),
              }),
            }),
            total: z.strictObject({
              metricSource: z.strictObject({
                type: z.literal('dotline'),
                spec: z.strictObject({ indicator: z.literal('requests') }),
              }),
            }),
          }),
        }),
      }),
      timeWindow: z
        .array(
          z.strictObject({
            duration: z.string().regex(/^[1-9][0-9]?d$/, 'must be days, such as 28d'),
            isRolling: z.literal(true),
          }),
        )
        .length(1),
      budgetingMethod: z.literal('Occurrences'),
      objectives: z
        .array(
          z.strictObject({ displayName: z.string().optional(), target: z.number().gt(0).lt(1) }),
        )
        .length(1),
    }),
  })
  .describe('An OpenSLO v1 objective over the requests that a service receives');

export type MeshFile = z.infer<typeof MeshFile>;
export type ServiceFile = z.infer<typeof ServiceFile>;
export type ObjectiveFile = z.infer<typeof ObjectiveFile>;
