namespace Ssb.Conn;

/// <summary>The calls of the system by which <see cref="SafeFile"/> replaces a file. A test gives others, which fail as those of another
/// system do.</summary>
internal sealed record FileCalls
{
    /// <summary>The real ones.</summary>
    public static FileCalls System { get; } = new();

    /// <summary>Moves the first file to the place of the second, over what is there.</summary>
    public Action<string, string> Replace { get; init; } = static (from, to) => File.Move(from, to, overwrite: true);

    /// <summary>Removes a file; nothing happens if it is not there.</summary>
    public Action<string> Delete { get; init; } = File.Delete;

    /// <summary>Called in the middle of a write in place, each time that a part was written.</summary>
    public Action WroteInPlace { get; init; } = static () => { };
}
