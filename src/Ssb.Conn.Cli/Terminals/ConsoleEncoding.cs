using System.Text;

namespace Ssb.Conn.Cli.Terminals;

/// <summary>What the console shows of texts: UTF-8 while the program runs where the console can be told so, and else three full stops in
/// the place of an
/// ellipsis that it does not have.</summary>
/// <remarks>A Windows console has the code page of its country, such as 437, in which an ellipsis came out as one full stop. A Unix
/// terminal cannot be told;
/// what it has is in the variables of its locale.</remarks>
internal sealed class ConsoleEncoding : IDisposable
{
    private Encoding? _original; // to put back, once

    private ConsoleEncoding(Encoding? original)
    {
        _original = original;
        if (original is not null)
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Dispose(); // a second Ctrl+C ends the process where it stands
    }

    /// <summary>To call once, before anything is written; disposed of when all was written, or when the process ends before that.</summary>
    public static ConsoleEncoding Use()
    {
        Encoding? original = OperatingSystem.IsWindows() ? UseUtf8() : null;
        if (!CanShow(Console.OutputEncoding, View.TerminalText.Ellipsis))
            View.TerminalText.Ellipsis = "...";
        return new ConsoleEncoding(original);
    }

    /// <summary>Can a text be written in an encoding as it is?</summary>
    internal static bool CanShow(Encoding encoding, string text)
    {
        // A code page may have something that only resembles a character, and no error of its own.
        return encoding.GetString(encoding.GetBytes(text)) == text;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _original, null) is { } original)
            TrySet(original);
    }

    /// <returns>What was set before; null if that stays.</returns>
    private static Encoding? UseUtf8()
    {
        Encoding original = Console.OutputEncoding;
        bool isOther = original.CodePage != Encoding.UTF8.CodePage;
        return isOther && TrySet(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) ? original : null;
    }

    private static bool TrySet(Encoding encoding)
    {
        try
        {
            Console.OutputEncoding = encoding;
            return true;
        }
        catch (IOException)
        {
            return false; // there is no console any more, or it does not have that code page
        }
    }
}
