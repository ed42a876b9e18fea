using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;

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

    private readonly RootCommand _root;
    private readonly IReadOnlyList<CliCommand> _commands;

    public CommandLine(IReadOnlyList<CliCommand> commands)
    {
        _commands = commands;
        _root = new RootCommand("Peers of Secure Scuttlebutt (SSB): who is near, who could be connected to, and who is.");
        foreach (CliCommand command in commands)
            _root.Subcommands.Add(command);
        foreach (HelpOption help in _root.Options.OfType<HelpOption>())
            help.Action = new HelpWithMore((HelpAction)help.Action!); // HelpOption is made with this action
    }

    /// <summary>Runs what was typed.</summary>
    /// <param name="arguments">The arguments without the program's name.</param>
    /// <param name="console">Where it writes.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, CliConsole console)
    {
        // A file is not an argument: "@KEY.ed25519" begins with @.
        ParseResult parsed = _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        bool isOfTheParser = parsed.Action is HelpWithMore
            || _root.Directives.Any(directive => parsed.GetResult(directive) is not null) // completion, whose text need not be right
            || (parsed.Errors.Count == 0 && parsed.Action is not null);
        if (isOfTheParser)
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = console.Output, Error = console.Error });

        Command command = parsed.CommandResult.Command;
        try
        {
            if (Explain(parsed, command) is { } wrong)
                throw new MisuseException(wrong);
            return await ((CliCommand)command).RunAsync(parsed, console); // Explain has found no other
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
        catch (IOException e) when (StandardOutput.IsClosedPipe(e))
        {
            return ExitCode.Success; // as `head` does when it has had enough: no reason to complain
        }
    }

    /// <summary>What the parser did not like, in our words where its own do not say what would have been right.</summary>
    private string? Explain(ParseResult parsed, Command command)
    {
        if (command is not CliCommand)
        {
            string all = $"the commands are {string.Join(", ", _commands.Select(known => known.Name))}";
            return parsed.UnmatchedTokens is [string typed, ..] ? $"there is no command '{typed}': {all}" : $"no command was given: {all}";
        }

        if (parsed.UnmatchedTokens is [string unknown, ..])
        {
            return unknown.StartsWith('-')
                ? $"there is no option '{unknown}': the options are {string.Join(", ", command.Options.Select(option => option.Name))}"
                : $"'{unknown}' is not expected here: it is {Usage(command)}, followed by options only";
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

        return parsed.Errors is [ParseError first, ..] ? first.Message : null;
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
