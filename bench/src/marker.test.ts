import { describe, expect, it } from '@jest/globals';
import { markerOfChange } from './marker.js';
import { changedAssignment } from './servers/mesh.js';

describe('markerOfChange', () => {
  it('is in the resource of its change and in no other', () => {
    const changes = [1, 5, 51, 255, 256, 257, 70_000];
    for (const marked of changes) {
      const found = changes.filter((change) =>
        Buffer.from(changedAssignment(change).value).includes(markerOfChange(marked)),
      );
      expect(found).toEqual([marked]);
    }
  });
});
