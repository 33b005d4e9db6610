"""What a person looks at: contact sheets and plots."""
