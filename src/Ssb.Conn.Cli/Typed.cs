using System.Globalization;
using System.Security;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli;

/// <summary>Values as people type them: read, or refused with a word on what would have been right.</summary>
internal static class Typed
{
    /// <summary>The value of <c>--network-key</c>; null is the main network.</summary>
    /// <exception cref="MisuseException">It is none.</exception>
    public static NetworkKey NetworkKey(string? typed)
    {
        if (typed is null)
            return Ssb.Wire.NetworkKey.Main;
        // Not repeated in the message: the key of a private network is what keeps it private.
        return Ssb.Wire.NetworkKey.TryParse(typed, out NetworkKey? key)
            ? key
            : throw Wrong("--network-key", $"it takes 44 characters of base64 that hold 32 bytes, and these were {typed.Length}; the main network is the default");
    }

    /// <summary>The identity in a file.</summary>
    /// <param name="option">What named the file.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="MisuseException">There is no such file, or the one that was named with <c>--secret</c> holds no identity.</exception>
    /// <exception cref="FailedException">It cannot be read, or that of a folder is damaged.</exception>
    public static KeyPair Secret(string option, string path)
    {
        string what = $"{option} {Quote(path)}";
        const string Right = "it takes the file that holds an SSB identity, such as ~/.ssb/secret";
        try
        {
            return SecretFile.Load(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Wrong(what, $"there is no such file; {Right}");
        }
        catch (Exception e) when (e is UnauthorizedAccessException or SecurityException)
        {
            throw new FailedException($"{what}: the file may not be read by you; {Right}", e);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            // Which repeats nothing of what the file holds. Whoever named it may have meant another one.
            throw option == "--secret" ? Wrong(what, e.Message) : new FailedException($"{what}: {e.Message.TrimEnd('.')}", e);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            throw new FailedException($"{what}: the file cannot be read ({FailureText.Of(e)}); {Right}", e);
        }
    }

    /// <summary>An address, and unless said otherwise one that can be dialled, as far as can be said without doing it.</summary>
    /// <param name="what">The name of the option or argument.</param>
    /// <param name="typed">What was typed.</param>
    /// <param name="mustMakeSense">Must it be one that can be dialled?</param>
    /// <exception cref="MisuseException">It is none.</exception>
    public static MultiserverAddress Address(string what, string typed, bool mustMakeSense = true)
    {
        MultiserverAddress address;
        try
        {
            address = MultiserverAddress.ReadLenient(typed);
        }
        catch (FormatException e)
        {
            // Which repeats nothing of it: it may hold the seed of an invite.
            throw Wrong(what, FeedId.ReadLenient(typed) is null ? e.Message : "this is a feed id, and it takes an address, such as 'net:192.168.1.4:8008~shs:KEY'");
        }

        return mustMakeSense && address.Problem is { } problem
            ? throw Wrong($"{what} {QuotePublic(address.ToString())}", $"{problem}; it takes something like 'net:192.168.1.4:8008~shs:KEY'")
            : address;
    }

    /// <summary>A whole number.</summary>
    /// <param name="option">What it is the value of.</param>
    /// <param name="typed">What was typed.</param>
    /// <param name="least">The least that is right.</param>
    /// <param name="most">The most.</param>
    /// <param name="example">One that would have been right.</param>
    /// <exception cref="MisuseException">It is none, or out of its range.</exception>
    public static int Number(string option, string typed, int least, int most, int example) =>
        int.TryParse(typed, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw Wrong($"{option} {Quote(typed)}", $"it takes a whole number from {least:N0} to {most:N0}, such as {option} {example}");

    /// <summary>The value of <c>--seed</c>; null if there is none.</summary>
    /// <exception cref="MisuseException">It is none, or there are no neighbours to give it to.</exception>
    public static int? Seed(string? typed, string? neighbours)
    {
        if (typed is null)
            return null;
        if (neighbours is null)
            throw Wrong("--seed without --neighbours", "it makes the neighbours the same in each run: --neighbours 5 --seed 1");
        return Number("--seed", typed, 0, int.MaxValue, 1);
    }

    /// <summary>The value of <c>--interface</c>; null if there is none.</summary>
    /// <exception cref="MisuseException">This computer has no such interface.</exception>
    public static string? Interface(string? typed, Func<IReadOnlyList<KnownInterface>> interfaces)
    {
        if (typed is null)
            return null;
        IReadOnlyList<KnownInterface> known = interfaces();
        if (known.Any(card => card.Name == typed || card.Addresses.Contains(typed)))
            return typed;

        string all = known.Count == 0 ? "none" : string.Join(", ", known.Select(card => card.ToString()));
        throw Wrong($"--interface {Quote(typed)}", $"no interface has that name or IPv4 address; this computer has {all}");
    }

    /// <summary>A length of time; null if there is none.</summary>
    /// <param name="option">What it is the value of.</param>
    /// <param name="typed">What was typed.</param>
    /// <param name="examples">Some that would have been right.</param>
    /// <exception cref="MisuseException">It is none.</exception>
    public static TimeSpan? Duration(string option, string? typed, string examples)
    {
        if (typed is null)
            return null;
        return Durations.TryParse(typed, out TimeSpan duration)
            ? duration
            : throw Wrong($"{option} {Quote(typed)}", $"it takes {examples} or a number of seconds, from 1s to 720h");
    }

    /// <summary>What to throw.</summary>
    /// <param name="what">What was wrong.</param>
    /// <param name="right">What would have been right.</param>
    public static MisuseException Wrong(string what, string right) => new($"{what}: {right}");

    /// <summary>What was typed and is not understood, between quotes; its length alone if it may hold a secret, such as the seed of an invite.</summary>
    public static string Quote(string typed) => MayHoldSecret(typed) ? $"({typed.Length:N0} characters, not repeated as they may hold a secret)" : QuotePublic(typed);

    /// <summary>A text that holds no secret, such as a masked address, between quotes and not too long.</summary>
    public static string QuotePublic(string text) => $"'{TerminalText.Fit(text, 100)}'";

    /// <summary>Is there something in it that looks like a seed, a key or the end of an invite?</summary>
    public static bool MayHoldSecret(string typed)
    {
        for (int at; (at = typed.IndexOf('@', StringComparison.Ordinal)) >= 0;)
        {
            // A feed id is public.
            int length = Math.Min(FeedId.TextLength, typed.Length - at);
            typed = typed.Remove(at, FeedId.TryParse(typed.AsSpan(at, length), out _) ? length : 1);
        }

        // ...~SEED, where a path may begin with '~'; and a URL, such as that of an invite to a room, with its token.
        if (typed.AsSpan().TrimStart('~').Contains('~') || typed.Contains("://", StringComparison.Ordinal)
            || (typed.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query && typed.AsSpan(query).Contains('=')))
            return true;
        // 32 bytes are 43 characters of base64 or 64 of hexadecimal. A path consists of the same characters, but few of its names are as long.
        return LongestRun(typed, "+=") >= 24 || (!typed.StartsWith('/') && LongestRun(typed, "+=/_-") >= 40);

        static int LongestRun(string text, string others)
        {
            int longest = 0, run = 0;
            foreach (char c in text)
                longest = Math.Max(longest, run = char.IsAsciiLetterOrDigit(c) || others.Contains(c, StringComparison.Ordinal) ? run + 1 : 0);
            return longest;
        }
    }
}
