// A control plane as a process of its own, to be killed. Its parent says what to serve, and asks for
// the status: see `KillableControlPlane`.
import { ControlPlane } from './control-plane.js';
import type { ControlPlaneAnswer, ControlPlaneOrder } from './killable-control-plane.js';

const controlPlane = await ControlPlane.start();
const answer = (message: ControlPlaneAnswer) => process.send?.(message);
process.on('message', (order: ControlPlaneOrder) => {
  if (order.resources !== undefined) {
    controlPlane.set(order.nodeId, order.resources);
  }
  answer({ id: order.id, port: controlPlane.port, status: controlPlane.status() });
});
process.on('disconnect', () => process.exit());
answer({ id: 0, port: controlPlane.port, status: [] });
