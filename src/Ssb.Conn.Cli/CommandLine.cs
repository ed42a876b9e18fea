using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli;

/// <summary>Reads the command line, runs the command that it names, and turns what goes wrong into a sentence and an exit code.</summary>
internal sealed class CommandLine
{
    private const string More =
        """
        Examples:
          ssb-conn start --neighbours 5         Run a peer among others that live on this computer only.
          ssb-conn start                        Run a peer of your own.
          ssb-conn watch                        Attach to the SSB peer that runs here, and steer it.
          ssb-conn ping net:HOST:8008~shs:KEY   Does this address work, and where does it stop?
          ssb-conn staged --json | jq .         What the peer could connect to, one entry a line.

        Help on a command, with its examples and the shapes of its JSON: ssb-conn COMMAND --help
        Completion in your shell: ssb-conn completion bash (or zsh, fish)

        Exit codes:
          0 it did as asked; 1 it could not, and says why; 2 the command line was wrong
        """;

    private static readonly string[] s_ofAnyCommand = ["--help", "-h", "-?", "/h", "/?", "--version"];

    // A file is not an argument: "@KEY.ed25519" begins with @.
    private static readonly ParserConfiguration s_parsing = new() { ResponseFileTokenReplacer = null };

    private readonly RootCommand _root;
    private readonly IReadOnlyList<CliCommand> _commands;

    public CommandLine(IReadOnlyList<CliCommand> commands)
    {
        _commands = commands;
        _root = new RootCommand("Peers of Secure Scuttlebutt (SSB): who is near, who could be connected to, and who is.");
        foreach (CliCommand command in commands)
        {
            command.Options.Add(new VersionOption());
            _root.Subcommands.Add(command);
        }

        foreach (HelpOption help in _root.Options.OfType<HelpOption>())
            help.Action = new HelpWithMore((HelpAction)help.Action!); // HelpOption is made with this action
    }

    /// <summary>Runs what was typed. Of the commands only that which is typed is made, as far as that is enough: help, completion and complaints ask
    /// for them all, which takes longer than all else that is done before a command runs.</summary>
    /// <param name="arguments">The arguments without the program's name.</param>
    /// <param name="console">Where it writes.</param>
    /// <param name="time">The clock of the commands.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliConsole console, TimeProvider time)
    {
        if (arguments is [string name, ..] && !arguments.Any(s_ofAnyCommand.Contains) && AllCommands.Make(name, time) is { } command)
        {
            ParseResult parsed = command.Parse(arguments, s_parsing); // its own name, as the first, is taken for that of the root
            if (Explain(parsed, command) is null)
                return await ReportAsync(command, () => command.RunAsync(parsed, console), console);
        }

        return await new CommandLine(AllCommands.Make(time)).RunAsync(arguments, console);
    }

    /// <summary>Runs what was typed.</summary>
    /// <param name="arguments">The arguments without the program's name.</param>
    /// <param name="console">Where it writes.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public Task<int> RunAsync(IReadOnlyList<string> arguments, CliConsole console)
    {
        ParseResult parsed = _root.Parse(arguments, s_parsing);
        bool isOfTheParser = parsed.Action is HelpWithMore
            || _root.Directives.Any(directive => parsed.GetResult(directive) is not null) // completion, whose text need not be right
            || (parsed.Errors.Count == 0 && parsed.Action is not null);
        Command command = parsed.CommandResult.Command;
        return ReportAsync(command, () =>
        {
            if (isOfTheParser)
                return parsed.InvokeAsync(new InvocationConfiguration { Output = console.Output, Error = console.Error, EnableDefaultExceptionHandler = false });
            string? wrong = command is CliCommand ? Explain(parsed, command) : ExplainNone(parsed);
            return wrong is null ? ((CliCommand)command).RunAsync(parsed, console) : throw new MisuseException(wrong);
        }, console);
    }

    private static async Task<int> ReportAsync(Command command, Func<Task<int>> run, CliConsole console)
    {
        try
        {
            return await run();
        }
        catch (MisuseException e)
        {
            await console.Error.WriteLineAsync($"ssb-conn: {TerminalText.Clean(e.Message)}");
            await console.Error.WriteLineAsync(command is CliCommand ? $"See: ssb-conn {command.Name} --help" : "See: ssb-conn --help");
            return ExitCode.Misuse;
        }
        catch (FailedException e)
        {
            await console.Error.WriteLineAsync($"ssb-conn: {TerminalText.Clean(e.Message)}");
            return ExitCode.Failure;
        }
        catch (NativeLibraryException e)
        {
            await console.Error.WriteLineAsync($"ssb-conn: {TerminalText.Clean(e.Message)}");
            return ExitCode.Failure;
        }
        catch (IOException e) when (StandardOutput.IsClosedPipe(e))
        {
            return ExitCode.Success; // as `head` does when it has had enough: no reason to complain
        }
    }

    /// <summary>What is wrong where no command was named that there is.</summary>
    private string ExplainNone(ParseResult parsed)
    {
        string all = $"the commands are {string.Join(", ", _commands.Select(known => known.Name))}";
        return parsed.UnmatchedTokens is [string typed, ..] ? $"there is no command {Typed.Quote(typed)}: {all}" : $"no command was given: {all}";
    }

    /// <summary>What the parser did not like, in our words where its own do not say what would have been right.</summary>
    private static string? Explain(ParseResult parsed, Command command)
    {
        if (parsed.UnmatchedTokens is [string unknown, ..])
        {
            return unknown.StartsWith('-')
                ? $"there is no option {Typed.Quote(unknown)}: the options are {string.Join(", ", command.Options.Select(option => option.Name))}"
                : $"{Typed.Quote(unknown)} is not expected here: it is {Usage(command)}, followed by options only";
        }

        foreach (OptionResult given in command.Options.Select(parsed.GetResult).OfType<OptionResult>())
        {
            if (given.IdentifierTokenCount > 1 && given.Option.Arity.MaximumNumberOfValues <= 1)
                return $"{given.Option.Name} was given {given.IdentifierTokenCount} times: once is enough";
            if (given.Tokens.Count == 0 && given.Option.HelpName is { } value)
                return $"{given.Option.Name} needs a value: {given.Option.Name} {value}";
        }

        foreach (Argument argument in command.Arguments)
        {
            if (argument.Arity.MinimumNumberOfValues > 0 && (parsed.GetResult(argument)?.Tokens.Count ?? 0) == 0)
                return $"{argument.HelpName} is missing: it is {Usage(command)}";
        }

        return parsed.Errors is not [ParseError first, ..] ? null
            : Typed.MayHoldSecret(first.Message) ? "the command line is not understood" : first.Message; // it repeats what was typed
    }

    private static string Usage(Command command) => string.Join(' ', ["ssb-conn", command.Name, .. command.Arguments.Select(argument => argument.HelpName)]);

    private sealed class HelpWithMore(HelpAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output.WriteLine(parseResult.CommandResult.Command is CliCommand command ? command.More : More);
            return code;
        }
    }
}
