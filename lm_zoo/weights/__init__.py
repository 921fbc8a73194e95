"""Exchange of weights with other libraries: a foreign folder becomes a run, a run a foreign folder.

Each format is a module with

    recognizes(folder)              whether a folder looks like one of its own
    read(folder)                    a `ForeignModel`
    write(run, folder, ...)         writes a run's model and tokenizer
"""
