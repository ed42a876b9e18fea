using System.CommandLine;

namespace Ssb.Conn.Cli;

/// <summary>One command of the tool: its options, what its help says besides them, and what it does.</summary>
internal abstract class CliCommand : Command
{
    /// <param name="name">What is typed.</param>
    /// <param name="description">One sentence.</param>
    /// <param name="more">What its help says below the options: examples, shapes of JSON, exit codes.</param>
    protected CliCommand(string name, string description, string more)
        : base(name, description) => More = more;

    /// <summary>What its help says below the options.</summary>
    public string More { get; }

    /// <summary>Does it.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    /// <exception cref="MisuseException">An option or argument was wrong.</exception>
    /// <exception cref="FailedException">It could not be done.</exception>
    public abstract Task<int> RunAsync(ParseResult parsed, CliConsole console);

    /// <summary>An option that takes a text.</summary>
    internal static Option<string?> Text(string name, string value, string description) =>
        new(name) { HelpName = value, Description = description };

    /// <summary>An option that is given or not. It takes no value: else completion after it would offer True and False only.</summary>
    internal static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };
}
