using System.Text;
using Ssb.Conn.Cli;
using Ssb.Conn.Cli.Terminals;
using Ssb.Conn.Cli.View;

using ConsoleEncoding encoding = ConsoleEncoding.Use();
// A log that nobody reads must not hold up what runs.
var errors = new QueuedWriter(Console.Error);
Console.SetError(errors);
try
{
    // For programs UTF-8 everywhere, and a closed pipe that is noticed. Not disposed: nothing is left in it, and a write that nobody reads may still be under way.
    TextWriter? piped = Console.IsOutputRedirected ? new StreamWriter(StandardOutput.Open(), new UTF8Encoding(false)) { AutoFlush = true } : null;
    return await CommandLine.RunAsync(args, new CliConsole(piped ?? Console.Out, Console.Error) { Width = Terminal.IsThere ? Terminal.Size.Width : int.MaxValue }, TimeProvider.System);
}
#pragma warning disable CA1031 // The last line of defence: a person gets a sentence, never a stack trace.
catch (Exception e)
#pragma warning restore CA1031
{
    try
    {
        Console.Error.WriteLine($"ssb-conn: it failed unexpectedly ({e.GetType().Name}): {TerminalText.Clean(e.Message)}");
    }
    catch (IOException)
    {
        // The terminal is gone: nobody is there to read it.
    }

    return ExitCode.Failure;
}
finally
{
    errors.Drain(Together.Patience);
}
