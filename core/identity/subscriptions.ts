/** Only queues whose name begins so take alerts: it keeps a subscription from reaching any other queue. */
export const subscriberQueuePrefix = 'holdfast-alerts-';
