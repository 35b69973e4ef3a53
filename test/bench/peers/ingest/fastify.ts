// A webhook receiver as most would write it: Fastify and kafkajs, a send with acks=all per request. It takes the key from the body; it
// proves nothing, encodes nothing and makes no events. Without a topic it answers at once: what Node and Fastify alone do.
import Fastify from 'fastify';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

type Push = { readonly event_data: { readonly repository: { readonly repo_full_name: string } } };

const [address, broker, topic] = process.argv.slice(2);
const [host, port] = address!.split(':');
const kafka = new Kafka({ clientId: 'bench-fastify', brokers: [broker!], logLevel: logLevel.ERROR });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
if (topic !== undefined) await producer.connect();

const app = Fastify({ logger: false });
app.post<{ Body: Push }>('/ingest', async ({ body }, reply) => {
  const key = body.event_data.repository.repo_full_name;
  if (topic !== undefined) await producer.send({ topic, acks: -1, messages: [{ key, value: JSON.stringify(body) }] });
  return reply.code(202).send();
});
await app.listen({ host: host!, port: Number(port) });
