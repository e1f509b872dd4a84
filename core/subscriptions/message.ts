import { alertDetailTypes, type SubscriptionMessage } from '../alert-event.ts';
import { secretHash } from '../identity/secrets.ts';

/** Of the message: each try has the same, and no other message has it. */
export function messageIdOf(message: SubscriptionMessage): string {
  switch (message.type) {
    case 'alert':
      return message.event.eventId;
    case 'challenge':
      return `challenge-${secretHash(message.challenge).slice(0, 32)}`;
    case 'test':
      return `test-${message.testId}`;
  }
}

/** By which rules of a customer's event bus tell them apart. */
export function messageDetailType(message: SubscriptionMessage): string {
  switch (message.type) {
    case 'alert':
      return alertDetailTypes[message.event.type];
    case 'challenge':
      return 'Holdfast Subscription Challenge';
    case 'test':
      return 'Holdfast Subscription Test';
  }
}
