"""Language models that answer over HTTP: what is sent to them, what they give, and how each kind says it.

Two kinds are known, which are nearly all: /v1/chat/completions as OpenAI has it, and Anthropic's Messages.
"""
