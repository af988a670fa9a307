package pipeline

// deadLetters is the queue of messages that could not be delivered.
func deadLetters() capability {
	return capability{computed: attributes{
		"dead_letter_queue_url": result("URL of the SQS queue with the messages that could not be delivered."),
	}}
}
