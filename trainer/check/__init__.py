"""What is checked before anything is computed: rows under the tokenizer, memory, time."""
