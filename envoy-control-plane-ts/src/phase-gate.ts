/** Holds the next phase back while this one waits for answers, but not for ever. */
export class PhaseGate {
  #timer: NodeJS.Timeout | undefined;
  #overdue = false;

  /** @param opened called when the gate opens because the wait was too long. */
  constructor(
    private readonly waitMs: number,
    private readonly opened: () => void,
  ) {}

  /** Whether the next phase must wait, given that this one does or does not wait for answers. */
  holds(waiting: boolean): boolean {
    if (!waiting) {
      this.close();
      this.#overdue = false;
      return false;
    }
    if (this.#overdue) {
      return false;
    }
    this.#timer ??= setTimeout(() => {
      this.#overdue = true;
      this.opened();
    }, this.waitMs).unref();
    return true;
  }

  /** Whether nothing has been held back since the phase before was last complete. */
  get isOpen(): boolean {
    return this.#timer === undefined && !this.#overdue;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
