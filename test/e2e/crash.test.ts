import { after, before, describe, it } from 'node:test';
import { crashRound, victims } from '../support/crash-round.ts';
import { startWaybill, type Waybill } from './waybill.fixture.ts';

let waybill: Waybill;
before(async () => (waybill = await startWaybill()));
after(() => waybill.stop());

describe('500 pushes while every app and the broker are killed with -9, one after the other', () => {
  it('end with every image in the second registry, once in every topic, and an unbroken chain', async () => {
    await crashRound({ waybill, name: 'crash', pushesCount: 500, victims });
  });
});
