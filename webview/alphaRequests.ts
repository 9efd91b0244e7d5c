/** Asks the host for exact α while the slider moves: one question at a time, and of those that wait the newest only. */
import type { Where } from '../server/contract/events';
import { sameWhere } from './jobs';

interface Question {
  readonly where: Where;
  readonly step: number;
}

const same = (left: Question, right: Question): boolean =>
  left.step === right.step && sameWhere(left.where, right.where);

export class AlphaRequests {
  #asked: Question | undefined;
  #waiting: Question | undefined;
  /** The log has no α for it: asking again would change nothing. */
  #unknown: Question | undefined;

  constructor(private readonly ask: (where: Where, step: number) => void) {}

  /** α of this step are wanted, and no other's. */
  want(where: Where, step: number): void {
    const question = { where, step };
    if (this.#unknown && same(this.#unknown, question)) return;
    if (!this.#asked) this.#send(question);
    else this.#waiting = same(this.#asked, question) ? undefined : question;
  }

  /** What is shown is exact: nothing is wanted. */
  satisfied(): void {
    this.#waiting = undefined;
  }

  /** @param known whether the answer has α */
  answered(where: Where, step: number, known: boolean): void {
    if (!this.#asked || !same(this.#asked, { where, step })) return;
    if (!known) this.#unknown = this.#asked;
    this.#asked = undefined;
    const next = this.#waiting;
    this.#waiting = undefined;
    if (next) this.#send(next);
  }

  /** A snapshot came: what was asked before will not be answered. */
  reset(): void {
    this.#asked = undefined;
    this.#waiting = undefined;
    this.#unknown = undefined;
  }

  #send(question: Question): void {
    this.#asked = question;
    this.ask(question.where, question.step);
  }
}
