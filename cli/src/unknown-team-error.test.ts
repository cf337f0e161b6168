import { expect, it } from '@jest/globals';
import { checkTeam } from './unknown-team-error.js';

const mesh = {
  teams: ['guests', 'hosts'].map((name) => ({ name, colour: '#336699', contact: '' })),
};

it('a team that is not there is told from one that has nothing', () => {
  expect(() => checkTeam(mesh, 'guest')).toThrow('there is no team guest (did you mean guests?)');
  expect(() => checkTeam(mesh, 'zzz')).toThrow('there is no team zzz (there are guests, hosts)');
  expect(checkTeam(mesh, 'hosts')).toBeUndefined();
  expect(checkTeam(mesh, undefined)).toBeUndefined();
});
