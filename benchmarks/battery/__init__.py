"""A battery of wrong and damaged inputs, and what the gates make of them.

Each case is a phantom's study with one fault planted, as files, judged by the code that the node
judges with: headers, then pixels, then what the network made of it. Nothing may pass unseen, and
what has no fault may not be refused. Whoever changes a limit or a figure runs it again.
"""
